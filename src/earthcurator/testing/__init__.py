"""Contract suites and fakes, shipped so that extensions can be held to the same tests as our own code."""
