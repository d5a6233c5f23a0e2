// A stand-in of this project's own: public names alone, none of the vendor's code (docs/poller.md).
package com.genesyslab.platform.openmedia.protocol.interactionserver;

import com.genesyslab.platform.commons.collections.KeyValueCollection;
import java.util.Date;
import java.util.Map;

/** Their values as a server writes them; times are milliseconds. */
public class InteractionProperties {
    public enum State { Queued, Cached, Routing, Handling }

    private final Map<?, ?> fields;
    private final KeyValueCollection userData;

    public InteractionProperties(Map<?, ?> fields, KeyValueCollection userData) {
        this.fields = fields;
        this.userData = userData;
    }

    public String getInteractionId() {
        return (String) fields.get("Id");
    }

    public String getMediatype() {
        return (String) fields.get("Mediatype");
    }

    public Integer getTenantId() {
        return (Integer) fields.get("TenantId");
    }

    public State getState() {
        return State.values()[(Integer) fields.get("State")];
    }

    public String getQueue() {
        return (String) fields.get("Queue");
    }

    public String getAgentId() {
        return (String) fields.get("AgentId");
    }

    public Date getReceivedAt() {
        return new Date((Integer) fields.get("ReceivedAt") * 1000L);
    }

    public Boolean getIsOnline() {
        return (Integer) fields.get("IsOnline") != 0;
    }

    public KeyValueCollection getUserData() {
        return userData;
    }
}
