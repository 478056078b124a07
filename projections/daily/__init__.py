"""What each call adds to its hour: summed, the figures of a tenant, an agent, an hour."""
