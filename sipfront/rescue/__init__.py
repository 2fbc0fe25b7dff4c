"""What to do for calls, subscriptions and bindings whose owner died.

Pure, like sip/ and stack/, and imports nothing else of sipfront.
"""
