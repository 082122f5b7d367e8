"""NASA GIBS and other WMTS servers: what there is, what a wish takes, fetching it politely, pictures of it."""
