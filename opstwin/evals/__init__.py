"""How well the agent does, measured: scenarios, brains, statistics, recordings, reports. No way around the gate."""
