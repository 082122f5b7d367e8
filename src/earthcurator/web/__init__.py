"""The HTTP API and the web app: requests become calls of one project, and their answers JSON."""
