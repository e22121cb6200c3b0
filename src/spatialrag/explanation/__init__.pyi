from .explanation import Explanation as Explanation, explain as explain
from .types import attention_by_type as attention_by_type, carriers as carriers
