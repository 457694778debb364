"""HTTP: one router a user, problems in both languages, the command line. No SQL, no rules."""
