"""The study in Optuna's storage: opened and owned, written and read, and every name that anything has there."""
