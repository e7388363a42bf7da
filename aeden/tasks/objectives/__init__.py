"""What the loop trains: restoration, classification, adversarial."""
