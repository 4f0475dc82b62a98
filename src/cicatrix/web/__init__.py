"""HTTP IN: the API. Takes requests, asks the flows, and puts what they say on the wire."""
