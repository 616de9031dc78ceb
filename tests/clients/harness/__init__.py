"""Drives NSQ's official clients against one nsqd and judges what they saw."""
