from ingestion.simulator.company import Company, TrueCustomer, build_company
from ingestion.simulator.server import PortInUseError
from ingestion.simulator.simulator import Simulator, SimulatorError

__all__ = [
    "Company",
    "PortInUseError",
    "Simulator",
    "SimulatorError",
    "TrueCustomer",
    "build_company",
]
