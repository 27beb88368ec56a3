from ingestion.simulator.company.company import Company, TrueCustomer, build_company

__all__ = ["Company", "TrueCustomer", "build_company"]
