"""What tests share: servers, models, recordings, terminals, strategies. Knows no test."""
