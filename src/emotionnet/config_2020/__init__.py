"""Config files of the 2020 system: every key they may have, and what each means in ours. No torch."""
