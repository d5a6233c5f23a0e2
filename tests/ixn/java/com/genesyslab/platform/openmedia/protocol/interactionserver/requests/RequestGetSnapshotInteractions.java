// A stand-in of this project's own: public names alone, none of the vendor's code (docs/poller.md).
package com.genesyslab.platform.openmedia.protocol.interactionserver.requests;

import standin.IxnRequest;

public class RequestGetSnapshotInteractions extends IxnRequest {
    public static RequestGetSnapshotInteractions create() {
        return new RequestGetSnapshotInteractions();
    }

    public void setSnapshotId(int value) {
        fields.put("snapshotId", value);
    }

    public void setStartFrom(Integer value) {
        fields.put("startFrom", value);
    }

    public void setNumberOfInteractions(Integer value) {
        fields.put("numberOfInteractions", value);
    }
}
