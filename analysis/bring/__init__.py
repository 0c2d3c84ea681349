"""Other people's runs and evaluations, turned into a results folder that the suite reads."""
