from ingestion.simulator.company import Company, TrueCustomer, build_company
from ingestion.simulator.server import PortInUseError
from ingestion.simulator.simulator import Simulator, SimulatorError
from ingestion.simulator.vendors import DEMO_VENDORS, VENDORS

__all__ = [
    "DEMO_VENDORS",
    "VENDORS",
    "Company",
    "PortInUseError",
    "Simulator",
    "SimulatorError",
    "TrueCustomer",
    "build_company",
]
