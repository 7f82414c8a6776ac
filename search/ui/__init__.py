"""The two user interfaces, MLflow's and the Optuna dashboard, on this machine's stores."""
