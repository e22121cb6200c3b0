from .consensus import Consensus as Consensus
