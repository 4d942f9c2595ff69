"""What is known of networks, as data: specifications, the catalogue, lineages, layer names. Loads no framework."""
