from .bank import Bank as Bank
from .build import build_bank as build_bank, join_banks as join_banks
from .store import read_bank as read_bank, verify_bank as verify_bank, write_bank as write_bank
