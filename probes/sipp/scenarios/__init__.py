"""SIPp scenarios, one purpose each; the head of every file says it.  Data, no code."""
