// A stand-in of this project's own: public names alone, none of the vendor's code (docs/poller.md).
package com.genesyslab.platform.openmedia.protocol.interactionserver.requests;

import standin.IxnRequest;

public class RequestReleaseSnapshot extends IxnRequest {
    public static RequestReleaseSnapshot create() {
        return new RequestReleaseSnapshot();
    }

    public void setSnapshotId(Integer value) {
        fields.put("snapshotId", value);
    }
}
