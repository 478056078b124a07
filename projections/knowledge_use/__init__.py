"""Which passages were in which answers, and which questions found nothing."""
