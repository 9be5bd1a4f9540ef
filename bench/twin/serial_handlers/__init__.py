"""URL handlers that pyserial finds here: `sim://`."""
