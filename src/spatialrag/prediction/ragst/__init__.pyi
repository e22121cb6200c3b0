from .finetune import FineTuning as FineTuning
from .generator import Generator as Generator
from .mixture import ProportionsTimesProfiles as ProportionsTimesProfiles
from .ragst import RAGST as RAGST, FittedRAGST as FittedRAGST
from .store import read_ragst as read_ragst, write_ragst as write_ragst
