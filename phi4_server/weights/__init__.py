"""Phi-4's own weights, answering in this process; torch is imported when it is asked for, not before."""
