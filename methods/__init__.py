"""The methods that can be compared. To add one: write its file, import its class, name it in
AnyMethod.
"""

from methods.aent import AEnt
from methods.aer import AER
from methods.aer_permuted import AERPermuted
from methods.ce_gppo import CEGPPO
from methods.cispo import CISPO
from methods.clip_cov import ClipCov
from methods.clip_higher import ClipHigher
from methods.common.control import Control, Method, Rollout, Shape, Signals, State
from methods.eighty_twenty import EightyTwenty
from methods.entrocraft import Entrocraft
from methods.entropic import EntroPIC
from methods.entropy_advantage import EntropyAdvantage
from methods.fixed_coefficient import FixedCoefficient
from methods.kl_cov import KLCov
from methods.mai_clip import MAIClip
from methods.no_entropy import NoEntropy
from methods.proportional import Proportional
from methods.qae import QAE
from methods.repo_r import RepoR
from methods.siren import SIREN
from methods.skywork import Skywork
from methods.stare import STARE
from methods.steer import STEER

AnyMethod = (
    NoEntropy
    | FixedCoefficient
    | ClipHigher
    | AER
    | Skywork
    | QAE
    | EntropyAdvantage
    | EightyTwenty
    | ClipCov
    | KLCov
    | STARE
    | STEER
    | Entrocraft
    | EntroPIC
    | AEnt
    | SIREN
    | CEGPPO
    | CISPO
    | Proportional
    | RepoR
    | MAIClip
    | AERPermuted
)

__all__ = [
    "AER",
    "CEGPPO",
    "CISPO",
    "QAE",
    "SIREN",
    "STARE",
    "STEER",
    "AERPermuted",
    "AEnt",
    "AnyMethod",
    "ClipCov",
    "ClipHigher",
    "Control",
    "EightyTwenty",
    "EntroPIC",
    "Entrocraft",
    "EntropyAdvantage",
    "FixedCoefficient",
    "KLCov",
    "MAIClip",
    "Method",
    "NoEntropy",
    "Proportional",
    "RepoR",
    "Rollout",
    "Shape",
    "Signals",
    "Skywork",
    "State",
]
