"""Photo or frame to landmarks: detector, landmark network, region tracking."""
