"""Small typed views of each kind, decoded straight from the wire; see `controller.api.objects`."""
