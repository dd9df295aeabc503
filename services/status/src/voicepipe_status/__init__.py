"""Status: lets clients read and manage their transcriptions."""
