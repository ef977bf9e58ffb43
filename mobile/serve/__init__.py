"""`tandem web`: the browser page of mobile/web with an exported student, on localhost or as a folder to host."""
