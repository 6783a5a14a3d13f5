"""Who asks, and what they may see: keys, users, sessions, access rules, the audit log. It knows no HTTP."""
