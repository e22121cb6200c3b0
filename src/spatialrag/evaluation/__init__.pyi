from .domains import DomainReport as DomainReport, compare_domains as compare_domains
from .methods import Row as Row, standard_rows as standard_rows
from .panel import Panel as Panel, fix_panel as fix_panel
from .report import Report as Report
from .scores import Scores as Scores, evaluate as evaluate
