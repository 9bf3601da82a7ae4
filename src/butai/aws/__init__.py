"""AWS by boto3: sessions, waiting for services, looking whether a thing exists. Knows nothing of rooms."""
