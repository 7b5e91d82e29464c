"""The nodes of the graph, each a step that may be run again from its first line. None of them has an effect itself."""
