"""Two small embedded PBX nodes and simulated phones, built on sip/ and stack/."""
