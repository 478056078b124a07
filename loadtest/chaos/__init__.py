"""Kill anything while people talk: the call goes on, and every sentence can be accounted for.

Callers say codes as touch tones over the real path from sound to sound. The agent says each code
back in three sentences, so what a caller has heard tells exactly which sentence of which reply it
was, whole or cut, once or twice.
"""
