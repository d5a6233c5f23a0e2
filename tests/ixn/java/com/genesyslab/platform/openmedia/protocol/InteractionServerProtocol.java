// A stand-in of this project's own: public names alone, none of the vendor's code (docs/poller.md).
package com.genesyslab.platform.openmedia.protocol;

import com.genesyslab.platform.commons.protocol.Endpoint;
import standin.IxnChannel;

public class InteractionServerProtocol extends IxnChannel {
    public InteractionServerProtocol(Endpoint endpoint) {
        super(endpoint);
    }
}
