"""Where training takes place: engines, what they exchange with workers, and how a machine is used."""
