"""What must outlive the process.  Only the shells (runtime) and the commands import it."""
