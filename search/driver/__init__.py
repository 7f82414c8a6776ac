"""The one writer of both stores: it asks, hands out, reports, records and tells."""
