"""partyline demo --kill: the demo's call, while whatever holds it is killed, one by one."""
