"""What the lessons share: bets, checks, hints, the ledger of claims, recordings of GPU runs."""
