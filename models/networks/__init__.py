"""One file, one network: the name of the file is the name in the YAML."""
