"""The search: Optuna decides, workers train, MLflow records, and one driver holds them together."""
