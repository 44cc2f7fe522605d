return {restart = {disabled = obj.metadata.deletionTimestamp ~= nil}}
