"""Landmarks to pose: skeleton, photo fit, live solve, filter."""
