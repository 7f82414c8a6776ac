"""What figures are worth: predictions judged again, differences in pairs, ranks, and what matters."""
