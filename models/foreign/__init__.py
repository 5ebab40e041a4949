"""Weights from elsewhere: files of torch, read without running what they hold."""
