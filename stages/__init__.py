"""The stages that come with fervid; one file is one stage."""
