"""What aeden promises when something goes wrong, tried many times: `python -m tests.reliability`."""
